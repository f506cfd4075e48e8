/** `@Inject(ENDPOINT_PUBLISHER)`: the SettingsPublisher of webhook endpoints. */
export const ENDPOINT_PUBLISHER = Symbol('endpoint publisher');
