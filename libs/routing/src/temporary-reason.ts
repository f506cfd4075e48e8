import type { TemporaryReason } from '#contracts/decision.js';
import type { LiveViews, Place } from '#contracts/live-views.js';

/** Why nothing can be sent to this place at this moment, or null. */
export function temporaryReasonOf(place: Place, views: LiveViews): TemporaryReason | null {
  const withdrawn = views.offers(place);
  if (withdrawn) return withdrawn;
  const credential = views.credentials.get(place.provider);
  if (credential) return credential;
  if (views.health.get(place.provider)?.state === 'down') return 'provider_down';
  if (views.modelHealth.get(place.model)?.state === 'down') return 'model_unavailable';
  return views.load.pools.get(place.pool)?.paused ? 'pool_paused' : null;
}
