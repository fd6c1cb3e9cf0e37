/**
 * Loaded into Clew by `--import`: Clew ends in its own orderly way when the demo that started it is gone, however the
 * demo ended.
 */
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.channel?.unref();
