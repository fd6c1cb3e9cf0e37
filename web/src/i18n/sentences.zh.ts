/** The server says them in reports as well, so they stand beside its English ones. */
export { sentencesZh } from '../../../src/model/sentence-zh.ts';
