/** Sources of details for the window job: which one each tenant has is a file of the user's. */
export type { Source, SourceKind, SourceWindow } from './contract.ts';
export { loadSources, type Sources } from './load.ts';
export { mockPerMinute, mockSource } from './mock.ts';
export { defaultLayout, folderOf, objectsSource } from './objects.ts';
export { openObserveSource } from './openobserve.ts';
export { ownSource } from './own.ts';
