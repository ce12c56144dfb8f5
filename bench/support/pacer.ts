// The clock of the load with a fixed rate: connects to a unix socket and writes one byte each time a request is due.
// Arguments: path of the socket, requests a second. It runs on another core than what is measured, because the timers of
// Node are a millisecond wide and a busy loop on the measured core would take what it measures.

import { connect } from "node:net";

const [path = "", rate = "1"] = process.argv.slice(2);
const intervalMs = 1000 / Number(rate);
const sleeper = new Int32Array(new SharedArrayBuffer(4));
const byte = Buffer.of(0);

const socket = connect(path, () => {
  let due = performance.now();
  const beat = (): void => {
    due += intervalMs;
    const rest = due - performance.now();
    // Late by more than a few beats: somebody else had the core. What was missed is not sent in a burst.
    if (rest < -5 * intervalMs) due = performance.now();
    else if (rest > 0) Atomics.wait(sleeper, 0, 0, rest);
    socket.write(byte);
    setImmediate(beat);
  };
  beat();
});
socket.on("error", () => process.exit());
socket.on("close", () => process.exit());
process.on("disconnect", () => process.exit());
