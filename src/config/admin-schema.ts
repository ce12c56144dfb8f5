import { z } from "zod";
import { about, file, host, listeningPort } from "./values.js";

const socketSchema = z.strictObject({
  path: about(file, {
    about:
      "Where the socket is made. One that an earlier process left behind is removed; anything else there is an error.",
    example: "/run/caesura/admin.sock",
  }),
  mode: about(
    z
      .string()
      .regex(/^0[0-7][0-7]0$/)
      .default("0600"),
    {
      about: "Permissions of the socket, in quotes; `0660` admits its group, and other users are never admitted.",
      example: "0660",
    },
  ),
});

export const adminSchema = z.strictObject({
  host: about(host.default("127.0.0.1"), {
    about: "Local address of the administration port. On loopback it asks for no password.",
    example: "127.0.0.1",
  }),
  port: about(listeningPort.default(9_199), {
    about:
      "Local port of the status page, `/metrics`, `/livez` and `/readyz`; 0 lets the system choose one, for tests.",
    example: 9199,
    range: "0 to 65535",
  }),
  tokenFile: about(file.optional(), {
    about:
      "A file with the token, 16 characters or more in one line, that other machines show for the status page: as the password of a browser, with any name, or as `Authorization: Bearer`. It travels in clear: keep it in a private network or end TLS in front.",
    example: "secrets/admin-token",
    absent: "the status page is shown on loopback only",
  }),
  socket: about(socketSchema.optional(), {
    about: "The socket for runtime commands such as `caesura status`; whoever may open it may do all of them.",
    example: { path: "/run/caesura/admin.sock" },
    absent: "no runtime commands",
  }),
});

export const metricsSchema = z.strictObject({
  host: about(host.default("127.0.0.1"), { about: "Local address of the port for metrics.", example: "10.0.0.5" }),
  port: about(listeningPort, {
    about: "Local port for metrics; 0 lets the system choose one, for tests.",
    example: 9198,
    range: "0 to 65535",
  }),
});
