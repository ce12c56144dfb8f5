import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readLua } from "../../../src/cli/prosody/lua-reader.js";
import type { LuaStatement, LuaValue } from "../../../src/cli/prosody/lua-reader.js";
import { LuaError } from "../../../src/cli/prosody/lua-tokens.js";

/** A value as JSON; what is not known as `?what`. */
function plain(value: LuaValue): unknown {
  switch (value.kind) {
    case "nil":
      return null;
    case "table":
      return value.fields.map((field) => (field.key ? [plain(field.key), plain(field.value)] : plain(field.value)));
    case "unknown":
      return `?${value.what}`;
    default:
      return value.value;
  }
}

function brief(statement: LuaStatement): unknown {
  if (statement.kind === "set") return [statement.name, plain(statement.value)];
  if (statement.kind === "call") return { [statement.name]: statement.calls.map((call) => call.map(plain)) };
  return `${String(statement.at.line)}: ${statement.what}`;
}

const read = (text: string): readonly unknown[] => readLua(text).map(brief);
const valueOf = (expression: string): unknown => {
  const [first] = readLua(`x = ${expression}`);
  return first?.kind === "set" ? plain(first.value) : first;
};

describe("reading Lua", () => {
  test.each([
    [`"a\\"b\\n\\65\\x42\\u{e9}\\z   c"`, 'a"b\nABéc'],
    [`'\\195\\169'`, "é"],
    ["[[a\nb]]", "a\nb"],
    ["[==[\na]]b]==]", "a]]b"],
    ["5222", 5222],
    ["0x1F", 31],
    ["1e3", 1000],
    [".5", 0.5],
    ["-3", -3],
    ["not true", false],
    ["nil", null],
    ["(5)", 5],
    ["{ 1, 2; 3 }", [1, 2, 3]],
    [
      "{ a = 1, ['b c'] = { } }",
      [
        ["a", 1],
        ["b c", []],
      ],
    ],
    ["{ a, [1] = 2 }", ["?the variable a", [1, 2]]],
  ])("knows the value of %s (Lua manual §3.1)", (expression, value) => {
    expect(valueOf(expression)).toEqual(value);
  });

  test.each([
    [`"a" .. "b"`, "?text put together with .."],
    [`1 + 2 * f(3)`, "?an operation (*)"],
    [`os.getenv("HOME")`, "?a function call (os…)"],
    [`ENV_SECRET`, "?the environment variable SECRET"],
    [`a.b[c].d`, "?a part of something"],
    [`function() return "end" end`, "?a function"],
    [`#t`, "?an operation"],
    [`("x"):rep(9)`, "?a function call"],
    [`f{1}"x"[[y]]`, "?a function call (f…)"],
  ])("does not compute %s", (expression, what) => {
    expect(valueOf(expression)).toBe(what);
    // And knows where it ends.
    expect(read(`x = ${expression}\ny = 1`)[1]).toEqual(["y", 1]);
  });

  test("finds options and calls between everything else, and executes nothing", () => {
    const text = `#!/usr/bin/lua
-- a comment
--[==[ a long
comment ]] ]==]
local host <const>, other = "capulet.lit", f()
a = 1; b, c = 2, 3, 4
VirtualHost (host)
VirtualHost "x" { d = 4 }
Component "muc" "muc"
if a then b = 5 elseif c then while true do end else repeat local x until (function() end)() end
for i = 1, (function() return 2 end)() do f(i) end
while (function() return false end)() do end
function f() return end
local function g() end
t.x = 5
t[1], y = 6, other
os.execute("rm -rf /")
s:method(1)
goto done
::done::
host = "verona.lit"
VirtualHost(host)
do return end
last = true
return {}
never = read`;
    expect(read(text)).toEqual([
      ["a", 1],
      ["b", 2],
      ["c", 3],
      { VirtualHost: [["capulet.lit"]] },
      { VirtualHost: [["x"], [[["d", 4]]]] },
      { Component: [["muc"], ["muc"]] },
      '10: a block that begins with "if"',
      "11: a loop",
      "12: a loop",
      "13: a function",
      "14: a function",
      "15: an assignment to a part of something",
      "16: an assignment to a part of something",
      ["y", "?a function call (f…)"],
      "17: a function call",
      "18: a function call",
      '19: "goto"',
      "20: a label",
      { VirtualHost: [["verona.lit"]] },
      '23: a block that begins with "do"',
      ["last", true],
    ]);
  });

  test.each([
    ['x = "a', 1, 5],
    ['x = "a\nb"', 1, 5],
    ["x = [[a", 1, 5],
    ["--[[", 1, 1],
    ["x = {\n1,\n", 3, 1],
    ["x = 1 y == 2", 1, 9],
    ["x =", 1, 4],
    ["if a then", 1, 1],
    ["x = '\\q'", 1, 7],
    ["x = '\\300'", 1, 7],
    ["x = 3x", 1, 5],
    ["x = @", 1, 5],
    ["\nend", 2, 1],
    ["5 = 3", 1, 1],
  ])("says where %j is no Lua", (text, line, column) => {
    let error: unknown;
    try {
      readLua(text);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(LuaError);
    expect(error).toMatchObject({ place: { line, column } });
  });

  test.each(["{", "(", "f{", "f(", "{[", "a[", "-", "not ", "x=function() ", "do ", "if a then "])(
    "is not led astray by %j a hundred thousand times",
    (piece) => {
      expect(() => readLua(`x = ${piece.repeat(100_000)}`)).toThrow(LuaError);
    },
  );

  test("throws a LuaError or nothing, whatever the text", { timeout: 60_000 }, () => {
    const word = fc.constantFrom(
      ..."x = { } ( ) [ ] [[ ]] [=[ ]=] -- --[[ \" ' \\ \n , ; . .. : :: 1 0x 1e end if then do repeat until function local return for in while not and nil true VirtualHost Include".split(
        " ",
      ),
    );
    const words = fc.array(word, { maxLength: 60 }).map((several) => several.join(" "));
    fc.assert(
      fc.property(fc.oneof(words, fc.string({ unit: "binary" })), (lua) => {
        try {
          readLua(lua);
        } catch (error) {
          if (!(error instanceof LuaError)) throw error;
          const lines = lua.split("\n");
          expect(error.place.column - 1).toBeLessThanOrEqual(lines[error.place.line - 1]?.length ?? -1);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
