import type { Socket } from "node:net";

const SLICE_BYTES = 64 * 1024;

/**
 * Sends `bytes` `rounds` times on each socket, as fast as the other end takes it, and resolves when all is handed over
 * to the kernel. Slices end anywhere, also inside a tag.
 */
export async function flood(sockets: readonly Socket[], bytes: Buffer, rounds: number): Promise<void> {
  await Promise.all(sockets.map((socket) => floodOne(socket, bytes, rounds)));
}

function floodOne(socket: Socket, bytes: Buffer, rounds: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let round = 0;
    let at = 0;
    socket.once("error", reject);
    const more = (): void => {
      while (round < rounds) {
        const slice = bytes.subarray(at, at + SLICE_BYTES);
        at += slice.length;
        if (at === bytes.length) {
          at = 0;
          round++;
        }
        if (!socket.write(slice)) {
          socket.once("drain", more);
          return;
        }
      }
      socket.off("error", reject);
      resolve();
    };
    more();
  });
}
