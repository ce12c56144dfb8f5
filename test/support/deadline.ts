/**
 * Waits for a promise, but not for ever.
 *
 * Errors  those of the promise, or one with `message()` when `ms` milliseconds have passed.
 */
export async function withDeadline<T>(promise: Promise<T>, ms: number, message: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`${message()} (waited ${String(ms)} ms)`));
    }, ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
