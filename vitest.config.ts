import { defineConfig } from "vitest/config";

// Unit tests need no port and no other software; integration tests start real servers and live in their own folder.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/integration/**", "test/fuzz/**"],
          // Nothing is timed by it: whatever hangs is to fail, and a busy machine is not to.
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      { test: { name: "fuzz", include: ["test/fuzz/**/*.fuzz.ts"], testTimeout: 3_600_000 } },
    ],
  },
});
