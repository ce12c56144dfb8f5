/**
 * The configuration: `proxy.yaml`, read, proved and frozen.
 *
 * 1. `loadConfig` never throws on what an operator wrote; it returns every problem at once, each with its position.
 * 2. What it returns is complete: units converted, names normalised, files read. Nobody else reads them again.
 * 3. One schema (`schema.ts`) is the source of the types, the JSON Schema and `docs/configuration.md`.
 * 4. A secret is a `Secret` and prints as `[redacted]`.
 */
export type {
  AddressConfig,
  AdminConfig,
  AdminSocketConfig,
  CertificateConfig,
  ClientModeConfig,
  ComponentConfig,
  Config,
  DelegationConfig,
  DomainConfig,
  DrainConfig,
  LimitsConfig,
  ListenerConfig,
  NetworkConfig,
  LogConfig,
  LogFormat,
  LogLevel,
  ServerC2sConfig,
  ServerComponentConfig,
  ServerConfig,
  StoreConfig,
  StreamManagementConfig,
  TimeoutsConfig,
} from "./config.js";
export { isLoopback } from "./addresses.js";
export { logFormats, logLevels } from "./config.js";
export { problemCodes } from "./problem.js";
export type { LoadedConfig, Problem, ProblemCode } from "./problem.js";
export { Secret } from "./secret.js";
export { expiredCode } from "./certificate-checks.js";
export { isSame } from "./compare.js";
export { configJsonSchema } from "./json-schema.js";
export type { JsonSchema } from "./json-schema.js";
export { findAdminSocket } from "./admin.js";
export { loadConfig, parseConfig } from "./load.js";
export type { LoadOptions } from "./load.js";
export { loadAddresses } from "./listening.js";
export type { WrittenAddress, WrittenAddresses } from "./listening.js";
export { loadRules } from "./rules.js";
export type { RulesConfig, RulesDomain } from "./rules.js";
// For documents of the same kind as `proxy.yaml`.
export { ConfigDocument } from "./document.js";
export { readTextFile } from "./files.js";
export { complainAboutIssues } from "./issues.js";
export { clientModeSettings } from "./client-mode.js";
export { asRecord, scalarText } from "./shape.js";
export { formatPath, Source } from "./source.js";
export type { Complaint, DocumentPath } from "./source.js";
export { didYouMean } from "./suggest.js";
export { Vocabulary } from "./vocabulary.js";
export { configReference } from "./reference.js";
