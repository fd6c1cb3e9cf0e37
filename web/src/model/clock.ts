/** The one place of the console that asks for the time; everything else takes it as an argument. */
export const now = (): number => Date.now();
