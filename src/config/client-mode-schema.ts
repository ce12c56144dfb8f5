import { z } from "zod";
import { about, count, duration, file, jid } from "./values.js";

export const clientModeSchema = z.strictObject({
  namespaces: about(z.array(z.string().min(1).max(1_024)).min(1).max(256), {
    about:
      "The namespaces that users may delegate, and no others (XEP-0355 §10); one that `delegations` has stays with its managing entity.",
    example: ["http://jabber.org/protocol/pubsub", "http://jabber.org/protocol/pubsub#owner"],
  }),
  entities: about(z.array(jid.clone()).min(1).max(1_000).optional(), {
    about:
      "Who may ask users: components by their domains, users by their bare JIDs. To everybody else there is no client mode here.",
    example: ["pubsub.capulet.lit"],
    absent: "whoever is connected here: every component and every user",
  }),
  challengeLifetime: duration({
    about:
      "How long a user may take to answer a question; until then the same entity asks the same user nothing else, answered or not.",
    least: "1m",
    most: "168h",
    fallback: "24h",
    example: "2h",
  }),
  maxGrantsPerUser: count(1, 1_024, 32, {
    about: "Namespaces that one user may have delegated at a time.",
    example: 8,
  }),
  timeout: duration({
    about: "How long a managing entity may take to answer a request of client mode.",
    least: "10ms",
    most: "10m",
    fallback: "30s",
    example: "10s",
  }),
});

export const storeSchema = z.strictObject({
  path: about(file.clone(), {
    type: "folder",
    about:
      "Folder that Caesura keeps for itself; it is made, with mode 0700, in a folder that must be there. A reload does not move it.",
    example: "/var/lib/caesura/grants",
  }),
  maxGrants: count(1, 10_000_000, 100_000, {
    about: "Grants of all users of all domains; they are kept in memory too, some 500 bytes each.",
    example: 10_000,
  }),
});
