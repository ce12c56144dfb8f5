/** Plain numbers that every leg of one kind adds to, and that are read when somebody asks for metrics. */
export class LegTraffic {
  receivedBytes = 0;
  sentBytes = 0;
  /** How often reading stopped because the opposite leg had no room. */
  roomPauses = 0;
}
