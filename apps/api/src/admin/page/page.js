import { call, readSession, Refusal, signIn, signOut } from './client.js';

const at = (id) => document.getElementById(id);

/** What a person should know of each state of the vault. */
const WORDS = {
  uninitialised: 'There is no vault yet. It keeps secrets of providers and webhooks encrypted.',
  locked: 'No process has the key. Jobs that need a secret of the vault wait until it is unlocked.',
  unlocked: 'The processes have the key, and secrets can be changed.',
  closed: 'The processes have the key. Changing secrets has been closed after a time without use: unlock it to go on.',
};

/** What is answered to a browser that has no session (any more). */
const SIGN_IN_AGAIN = new Set(['admin_token_required', 'session_ended']);

start();

function start() {
  onSubmit('sign-in', async (form) => {
    const token = taken(form.elements.token);
    if (await signIn(token)) await showVault('Signed in.');
  });
  onSubmit('initialise', async (form) => {
    const mode = form.elements.mode.value;
    const password = taken(form.elements.password);
    if (password !== taken(form.elements.again)) throw new Refusal('The two passwords are not the same.');
    await call('POST', 'vault/init', mode === 'password' ? { mode, password } : { mode });
    await showVault('The vault is initialised.');
  });
  onSubmit('unlock', async (form) => {
    const password = taken(form.elements.password);
    await call('POST', 'vault/unlock', password === '' ? {} : { password });
    await showVault('The vault is unlocked.');
  });
  onSubmit('lock', async () => {
    await call('POST', 'vault/lock', {});
    await showVault('The vault is locked.');
  });
  at('initialise').addEventListener('change', showPasswordFields);
  at('sign-out').addEventListener('click', () =>
    attempt(async () => {
      await signOut();
      showSignIn('Signed out.');
    }),
  );
  // A page that the browser has kept says nothing about now, and must not keep what was typed.
  addEventListener('pagehide', forgetTyped);
  addEventListener('pageshow', ({ persisted }) => persisted && attempt(look));
  void attempt(look);
}

async function look() {
  if (await readSession()) await showVault('');
  else showSignIn('');
}

/** Does it with the form's own button out of reach; what goes wrong is said in words. */
function onSubmit(id, act) {
  const form = at(id);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const button = form.querySelector('button[type=submit]');
    button.disabled = true;
    await attempt(() => act(form));
    button.disabled = false;
    if (!at('fault').hidden) form.querySelector('input[type=password]:not([hidden])')?.focus();
  });
}

async function attempt(act) {
  say({ notice: '', fault: '' });
  try {
    await act();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (SIGN_IN_AGAIN.has(error.code)) showSignIn('');
    say({ notice: '', fault: error.message });
  }
}

/** What was typed, which then is nowhere but in the hands of the caller. */
function taken(input) {
  const { value } = input;
  input.value = '';
  return value;
}

function forgetTyped() {
  for (const input of document.querySelectorAll('input[type=password]')) input.value = '';
}

function showSignIn(notice) {
  showArea('signed-out');
  say({ notice, fault: '' });
  at('token').focus();
}

async function showVault(notice) {
  const vault = await call('GET', 'vault').catch((error) => {
    if (error instanceof Refusal && !SIGN_IN_AGAIN.has(error.code)) return { refusal: error };
    throw error;
  });
  showArea('signed-in');
  if (vault.refusal === undefined) fill(vault);
  else fillWithout(vault.refusal);
  say({ notice, fault: '' });
  at('vault-title').focus();
}

function fill(vault) {
  const closed = vault.state === 'unlocked' && !vault.administration.open;
  at('vault-state').textContent = vault.state;
  at('vault-state').dataset.state = vault.state;
  at('vault-words').textContent = closed ? WORDS.closed : (WORDS[vault.state] ?? '');
  showWarnings(vault.warnings);
  showFacts(factsOf(vault));
  showForms({
    initialise: vault.state === 'uninitialised',
    unlock: vault.state === 'locked' || closed,
    lock: vault.state === 'unlocked',
  });
  at('old-password').hidden = vault.mode === 'env';
  at('password').required = vault.mode !== 'env';
  showPasswordFields();
}

/** A Tokenhub without a vault, or one that cannot say how it is. */
function fillWithout({ message }) {
  at('vault-state').textContent = '';
  delete at('vault-state').dataset.state;
  at('vault-words').textContent = message;
  showWarnings([]);
  showFacts([]);
  showForms({});
}

function factsOf({ state, mode, administration, processes }) {
  if (state === 'uninitialised') return [];
  const holders = processes.filter(({ key }) => key).length;
  return [
    ['Opened by', mode === 'env' ? 'TOKENHUB_ENCRYPTION_KEY' : 'a password'],
    ['Processes with the key', `${holders} of ${processes.length}`],
    ['Changing secrets', changing(administration)],
  ];
}

function changing({ open, closes_at: closesAt, auto_lock_minutes: minutes }) {
  if (!open) return 'closed';
  if (closesAt === null) return 'open';
  return `open until ${new Date(closesAt).toLocaleTimeString()}, ${minutes} minutes after its last use`;
}

function showWarnings(warnings) {
  at('vault-warnings').replaceChildren(...warnings.map((warning) => element('li', warning)));
}

function showFacts(facts) {
  const parts = facts.flatMap(([name, value]) => [element('dt', name), element('dd', value)]);
  at('vault-facts').replaceChildren(...parts);
}

function showForms(shown) {
  for (const form of document.querySelectorAll('[data-vault]')) form.hidden = shown[form.dataset.vault] !== true;
}

function showPasswordFields() {
  const wanted = at('initialise').elements.mode.value === 'password';
  at('new-password').hidden = !wanted;
  for (const id of ['password-new', 'password-again']) at(id).required = wanted;
}

function showArea(area) {
  for (const part of document.querySelectorAll('[data-when]')) part.hidden = part.dataset.when !== area;
}

function say({ notice, fault }) {
  at('notice').textContent = notice;
  at('fault').textContent = fault;
  at('fault').hidden = fault === '';
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
