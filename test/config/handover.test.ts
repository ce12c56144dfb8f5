import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { workspace, yaml } from "./workspace.js";

function handing(path: string): string {
  return `${yaml({ delegations: "{}" })}\nstreamManagement: { handoverFile: ${path} }\n`;
}

describe("streamManagement.handoverFile", () => {
  test("is nowhere unless it is named, and beside the configuration where it is no absolute path", () => {
    const space = workspace();
    expect(space.config(yaml({ delegations: "{}" })).streamManagement.handoverFile).toBeUndefined();
    expect(space.config(handing("streams")).streamManagement.handoverFile).toBe(join(space.folder, "streams"));
    expect(space.config(handing("/tmp/streams")).streamManagement.handoverFile).toBe("/tmp/streams");
    expect(space.findings(handing("streams"))).toEqual([]);
  });

  test("in a folder that is not there is warned of", () => {
    expect(workspace().findings(handing("no/streams"))).toEqual([
      "warning handover-unusable 13:35 streamManagement.handoverFile",
    ]);
  });
});
