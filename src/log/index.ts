/**
 * The log: lines for the operator, JSON or what is made of it.
 *
 * 1. A log that cannot be written costs lines, never a connection: no write throws or waits.
 * 2. What a peer can make happen again and again is `repeatable`, and of that only so much is written.
 * 3. What was dropped or suppressed is counted, and a line says so.
 * 4. Credentials and stanzas never come here.
 */
export {
  connectionLogger,
  createLogger,
  droppedLine,
  flushLog,
  repeatable,
  standardOutput,
  type Destination,
  type Logger,
} from "./logger.js";
export { dropReasons, LogDestination, type DropReason, type LogDestinationParts } from "./destination.js";
export { lineFormat, type FormatLine, type OutputKind } from "./format.js";
export { Repetition, type RepetitionLimits, type WriteLine } from "./repetition.js";
export { errorText, standardOutputKind } from "./standard-output.js";
