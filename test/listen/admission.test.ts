import { describe, expect, test } from "vitest";
import { Admission, networkOf } from "../../src/listen/index.js";

describe("admission", () => {
  test("admits as many connections as the limit says, and again when one leaves", () => {
    const admission = new Admission({ connections: 2, connectionsPerAddress: 0 });
    expect(admission.enter("192.0.2.1")).toBeUndefined();
    expect(admission.enter("192.0.2.1")).toBeUndefined();
    expect(admission.enter("192.0.2.2")).toBe("connections");
    admission.leave("192.0.2.1");
    expect(admission.enter("192.0.2.2")).toBeUndefined();
  });

  test("admits as many of one address as the limit says, without harm to others", () => {
    const admission = new Admission({ connections: 100, connectionsPerAddress: 1 });
    expect(admission.enter("192.0.2.1")).toBeUndefined();
    expect(admission.enter("192.0.2.1")).toBe("connections_per_address");
    expect(admission.enter("::ffff:192.0.2.1")).toBe("connections_per_address");
    expect(admission.enter("192.0.2.2")).toBeUndefined();
    admission.leave("::ffff:192.0.2.1");
    expect(admission.enter("192.0.2.1")).toBeUndefined();
  });

  test("a refused connection counts for nothing", () => {
    const admission = new Admission({ connections: 2, connectionsPerAddress: 1 });
    admission.enter("192.0.2.1");
    for (let count = 0; count < 5; count++) admission.enter("192.0.2.1");
    expect(admission.enter("192.0.2.2")).toBeUndefined();
  });

  test("a connection without an address counts for all until it is known whose it is", () => {
    const admission = new Admission({ connections: 2, connectionsPerAddress: 1 });
    expect(admission.enter()).toBeUndefined();
    expect(admission.enter()).toBeUndefined();
    expect(admission.enter()).toBe("connections");
    expect(admission.identify("192.0.2.1")).toBeUndefined();
    expect(admission.identify("192.0.2.1")).toBe("connections_per_address");
    admission.leave();
    expect(admission.enter("192.0.2.1")).toBe("connections_per_address");
    admission.leave("192.0.2.1");
    expect(admission.enter("192.0.2.1")).toBeUndefined();
    expect(admission.enter("192.0.2.2")).toBeUndefined();
    expect(admission.enter("192.0.2.3")).toBe("connections");
  });

  test("new limits hold for those who come later", () => {
    const admission = new Admission({ connections: 1, connectionsPerAddress: 0 });
    admission.enter("192.0.2.1");
    admission.configure({ connections: 2, connectionsPerAddress: 0 });
    expect(admission.enter("192.0.2.1")).toBeUndefined();
    expect(admission.enter("192.0.2.1")).toBe("connections");
  });

  test.each([
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:DB8:1:2:aaaa::1", "2001:db8:1:2"],
    ["2001:db8::1", "2001:db8:0:0"],
    ["2001:db8:1::", "2001:db8:1:0"],
    ["::1", "0:0:0:0"],
    ["fe80::1%eth0", "fe80:0:0:0"],
    ["1::2:3:4:5:6:7", "1:0:2:3"],
  ])("takes %s for one of the network %s (RFC 6177 §2)", (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});
