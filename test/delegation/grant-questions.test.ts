import { expect, test } from "vitest";
import { GrantQuestions } from "../../src/delegation/grant-questions.js";
import { PUBSUB } from "./entity.js";

const limits = { perUser: 2, perEntity: 3, total: 4 };

function ask(
  questions: GrantQuestions,
  user: string,
  entity: string,
  now = 0,
  challenge = `${user} ${entity}`,
): string {
  return questions.ask({ challenge, user, entity, namespaces: [PUBSUB], expiresAt: now + 100 }, now).kind;
}

test("one user is asked by so many entities at a time, and by one more when the time of the first is over", () => {
  const questions = new GrantQuestions(limits);
  expect(ask(questions, "juliet", "a")).toBe("asked");
  expect(ask(questions, "juliet", "b", 50)).toBe("asked");
  expect(ask(questions, "juliet", "c", 99)).toBe("refuse");
  expect(ask(questions, "juliet", "c", 100)).toBe("asked");
});

test("one entity asks so many users at a time, and leaves room for others", () => {
  const questions = new GrantQuestions(limits);
  for (const user of ["juliet", "romeo", "nurse"]) expect(ask(questions, user, "a")).toBe("asked");
  expect(ask(questions, "tybalt", "a")).toBe("refuse");
  expect(ask(questions, "tybalt", "b")).toBe("asked");
  expect(ask(questions, "paris", "c")).toBe("refuse");
  expect(questions.size).toBe(4);
});

test("what is forgotten leaves nothing behind", () => {
  const questions = new GrantQuestions(limits);
  for (let round = 0; round < 10; round++) {
    for (const user of ["juliet", "romeo"]) {
      for (const entity of ["a", "b"]) ask(questions, user, entity, round * 100, `${round} ${user} ${entity}`);
    }
    expect(questions.size).toBe(4);
  }
  questions.expire(2_000);
  expect(questions.size).toBe(0);
  expect(questions.isExpecting("juliet")).toBe(false);
  expect(questions.has("9 juliet a")).toBe(false);
});

test("a question is the same in whatever order it names the namespaces", () => {
  const questions = new GrantQuestions();
  const asked = { user: "juliet", entity: "a", expiresAt: 100 };
  questions.ask({ ...asked, challenge: "1", namespaces: ["x", "y"] }, 0);
  expect(questions.ask({ ...asked, challenge: "2", namespaces: ["y", "x"] }, 0)).toEqual({ kind: "repeated" });
  expect(questions.ask({ ...asked, challenge: "3", namespaces: ["x"] }, 0).kind).toBe("refuse");
});
