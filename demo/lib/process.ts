/** What the supervisor says to a process, and what the process says to it. */
export type ToProcess = { type: 'config'; key: string; value: string } | { type: 'stop' };
export type FromProcess =
  | { type: 'ready'; port: number }
  | { type: 'flipped'; service: string; from: string; to: string; actor: string };

export const tell = (message: FromProcess): void => {
  process.send?.(message);
};

/** Ends the process when the supervisor asks, dies, or the terminal says so; `stop` gets two seconds. */
export function endWithParent(stop: () => Promise<void>): void {
  let ending = false;
  const end = () => {
    if (ending) return;
    ending = true;
    setTimeout(() => process.exit(0), 2_500).unref();
    stop().finally(() => process.exit(0));
  };
  process.on('SIGTERM', end);
  // Ctrl-C reaches the whole process group; the supervisor decides the order in which its children end.
  process.on('SIGINT', () => {});
  process.on('disconnect', end);
  process.on('message', (message: ToProcess) => {
    if (message.type === 'stop') end();
  });
}
