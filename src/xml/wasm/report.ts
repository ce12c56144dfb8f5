import { STREAM_HEADER } from "./elements";
import { FRAME_TOO_LARGE } from "./faults";
import { FRAMES, FRAMES_END, INPUT, RESULT } from "./memory";
import { stream } from "./stream";

/** What a scan tells. */
export class Report {
  /** Where the first byte stands that would make the frame too large. */
  static limit: usize = 0;
  /** Where the next frame is listed. */
  static frames: usize = 0;
}

export function beginReport(limit: usize): void {
  Report.limit = limit;
  Report.frames = FRAMES;
}

/** Lists a frame that ends at `p`. True if the scan has to stop here. */
export function endFrame(p: usize, kind: u32): bool {
  if (p > Report.limit) return true;
  store<u32>(Report.frames, kind);
  store<u32>(Report.frames, (p - INPUT) as u32, 4);
  store<u32>(Report.frames, stream.children, 8);
  store<u32>(Report.frames, stream.childHash, 12);
  Report.frames += 16;
  Report.limit = usize.MAX_VALUE;
  return Report.frames == FRAMES_END || kind == STREAM_HEADER;
}

/** At a byte that does not belong here: a fault, unless it is the NUL behind the input. */
export function stop(p: usize, end: usize, fault: u32): u32 {
  if (p != end) stream.fault = fault;
  return finish(p);
}

/** At the end of what can be read: the end of the input, the byte that broke a rule, or one that is beyond the limit. */
export function finish(p: usize): u32 {
  let at = p;
  // At the limit stands the first byte too many. A fault there or behind comes second.
  if (stream.fault != 0 ? p >= Report.limit : p > Report.limit) {
    stream.fault = FRAME_TOO_LARGE;
    at = Report.limit;
  }
  store<u32>(RESULT, (at - INPUT) as u32);
  store<u32>(RESULT, stream.fault, 4);
  store<u32>(RESULT, stream.state, 8);
  return ((Report.frames - FRAMES) >> 4) as u32;
}
