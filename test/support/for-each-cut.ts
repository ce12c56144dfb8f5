/**
 * Gives `bytes` to `check` cut in every way that is worth it: whole, in two at each offset, byte by byte; each with and
 * without the bytes that a later packet would bring.
 */
export function forEachCut(
  bytes: Buffer,
  check: (chunks: readonly Buffer[], how: string) => void,
  trailing?: Buffer,
): void {
  for (const behind of trailing === undefined ? [Buffer.alloc(0)] : [Buffer.alloc(0), trailing]) {
    const all = Buffer.concat([bytes, behind]);
    const with_ = behind.length > 0 ? " with trailing data" : "";
    check([all], `whole${with_}`);
    for (let at = 1; at < all.length; at++) check([all.subarray(0, at), all.subarray(at)], `cut at ${at}${with_}`);
    check(
      Array.from(all, (_, at) => all.subarray(at, at + 1)),
      `byte by byte${with_}`,
    );
  }
}
