import type { OrchestrationSpec, StepName, StepNode } from '#contracts/orchestration.js';

/** The graph of a plain chat whose output is checked. */
export const CHAT_STEPS: readonly StepNode[] = [{ id: 'answer', name: 'answer', round: 0, needs: [] }];

const PLAN: StepNode = { id: 'plan', name: 'plan', round: 0, needs: [] };
const [ANSWER] = CHAT_STEPS as [StepNode];

/** The nodes of an orchestration's graph, in an order in which they can be executed. */
export function stepsOf(spec: OrchestrationSpec): StepNode[] {
  switch (spec.mode) {
    case 'planning':
      return [...CHAT_STEPS];
    case 'adversarial':
      return spec.returnPlanOnly ? [PLAN] : chain(PLAN, ['critique', 'refine'], spec.iterations);
    case 'vote':
      return vote(spec.voters);
    case 'refine':
      return chain(ANSWER, ['review', 'improve'], spec.iterations);
  }
}

/** Who is asked: the primary model, or the one that criticises and judges. A model reviews its own answer itself. */
export type StepRole = 'primary' | 'review';

/** Which of the two models takes a step. */
export function roleOf(name: StepName): StepRole {
  return name === 'critique' || name === 'judge' ? 'review' : 'primary';
}

/** How many calls each role makes in a run without faults, approvals or asking again. */
export function plannedCalls(spec: OrchestrationSpec): Record<StepRole, number> {
  const calls = { primary: 0, review: 0 };
  for (const { name } of stepsOf(spec)) calls[roleOf(name)]++;
  return calls;
}

const ANSWERING: ReadonlySet<StepName> = new Set(['answer', 'plan', 'candidate', 'refine', 'improve']);

/** True for steps whose answer may become the job's. */
export function isAnswering(name: StepName): boolean {
  return ANSWERING.has(name);
}

/** What a step of a round works on: the draft as it was when the round began, and the opinion on it. */
export interface RoundSteps {
  draft: string;
  opinion: string;
  revision: string;
}

/** The step ids of the round that a critique, refine, review or improve belongs to. Throws for other steps. */
export function roundOf({ name, round }: Pick<StepNode, 'name' | 'round'>): RoundSteps {
  switch (name) {
    case 'critique':
    case 'refine':
      return {
        draft: round === 1 ? PLAN.id : `refine-${round - 1}`,
        opinion: `critique-${round}`,
        revision: `refine-${round}`,
      };
    case 'review':
    case 'improve':
      return {
        draft: round === 1 ? ANSWER.id : `improve-${round - 1}`,
        opinion: `review-${round}`,
        revision: `improve-${round}`,
      };
    default:
      throw new RangeError(`A ${name} belongs to no round of criticism`);
  }
}

function chain(first: StepNode, names: readonly StepName[], rounds: number): StepNode[] {
  const nodes = [first];
  let before = first.id;
  for (let round = 1; round <= rounds; round++) {
    for (const name of names) {
      const id = `${name}-${round}`;
      nodes.push({ id, name, round, needs: [before] });
      before = id;
    }
  }
  return nodes;
}

function vote(voters: number): StepNode[] {
  const candidates = Array.from({ length: voters }, (_, at): StepNode => {
    return { id: `candidate-${at + 1}`, name: 'candidate', round: at + 1, needs: [] };
  });
  return [...candidates, { id: 'judge', name: 'judge', round: 1, needs: candidates.map(({ id }) => id) }];
}
