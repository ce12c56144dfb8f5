/** The words that users read, in one language. */
export interface GrantTexts {
  readonly language: string;
  /** Body of the message for clients that show no forms. */
  readonly warning: (entity: string, features: readonly string[]) => string;
  readonly title: string;
  readonly instructions: (entity: string) => string;
  readonly label: (feature: string) => string;
  /** The same where another entity manages the namespace and would be replaced. */
  readonly labelReplacing: (feature: string, entity: string) => string;
  readonly yes: string;
  readonly no: string;
  /** The command, as a client lists it. */
  readonly commandName: string;
  readonly commandInstructions: string;
  readonly managedBy: (feature: string, entity: string) => string;
  readonly nothingGranted: string;
  readonly revoked: (count: number) => string;
  readonly revokedForNow: string;
  /** What well-known namespaces are for, by namespace. */
  readonly features: ReadonlyMap<string, string>;
}

/**
 * The texts in a user's language, or in English.
 *
 * Shape   `lang` is a language tag as `xml:lang` of the user's stream has it; its first subtag decides.
 * Source  RFC 6120 §4.7.4; RFC 4647 §3.4 (lookup).
 */
export function grantTexts(lang: string | undefined): GrantTexts {
  const primary = lang?.split("-", 1)[0]?.toLowerCase();
  return TEXTS.find(({ language }) => language === primary) ?? ENGLISH;
}

/** A namespace as a person would call it, with the name itself behind (XEP-0355 §5.1). */
export function featureName(texts: GrantTexts, namespace: string): string {
  const name = texts.features.get(namespace);
  return name === undefined ? namespace : `${name} (${namespace})`;
}

const PUBSUB = "http://jabber.org/protocol/pubsub";
const FEATURES = [
  ["publishing", PUBSUB],
  ["publishingSettings", `${PUBSUB}#owner`],
  ["contacts", "jabber:iq:roster"],
  ["profile", "vcard-temp"],
  ["newProfile", "urn:ietf:params:xml:ns:vcard-4.0"],
  ["privateStorage", "jabber:iq:private"],
  ["lastActivity", "jabber:iq:last"],
  ["archive", "urn:xmpp:mam:2"],
  ["blockList", "urn:xmpp:blocking"],
  ["push", "urn:xmpp:push:0"],
  ["upload", "urn:xmpp:http:upload:0"],
] as const;

type Feature = (typeof FEATURES)[number][0];

function named(names: Readonly<Record<Feature, string>>): ReadonlyMap<string, string> {
  return new Map(FEATURES.map(([feature, namespace]) => [namespace, names[feature]]));
}

function list(features: readonly string[]): string {
  return features.map((feature) => `- ${feature}`).join("\n");
}

const ENGLISH: GrantTexts = {
  language: "en",
  warning: (entity, features) =>
    `${entity} asks to manage features of your account that your server normally manages:\n${list(features)}\n\n` +
    "Be careful: whoever manages them sees and changes what you keep there. Allow it only if you asked for it and " +
    "trust this service. If you do nothing, nothing is allowed.",
  title: "Request to manage features of your account",
  instructions: (entity) => `May ${entity} manage these features of your account instead of your server?`,
  label: (feature) => `Manage ${feature}`,
  labelReplacing: (feature, entity) => `Manage ${feature}, in place of ${entity}`,
  yes: "Yes",
  no: "No",
  commandName: "Features of your account that others manage",
  commandInstructions: "These services manage features of your account. Choose No to take a feature back.",
  managedBy: (feature, entity) => `${feature}: managed by ${entity}`,
  nothingGranted: "Nobody but your server manages features of your account.",
  revoked: (count) => (count === 1 ? "One feature was taken back." : `${count} features were taken back.`),
  revokedForNow:
    "Taken back for now, but the server could not write it down: have a look again after it was restarted.",
  features: named({
    publishing: "personal publishing: avatar, bookmarks, blog",
    publishingSettings: "settings of personal publishing",
    contacts: "your contact list",
    profile: "your profile",
    newProfile: "your profile",
    privateStorage: "private storage",
    lastActivity: "last activity",
    archive: "your message archive",
    blockList: "your block list",
    push: "push notifications",
    upload: "file upload",
  }),
};

const GERMAN: GrantTexts = {
  language: "de",
  warning: (entity, features) =>
    `${entity} möchte Funktionen deines Kontos verwalten, die sonst dein Server verwaltet:\n${list(features)}\n\n` +
    "Vorsicht: Wer sie verwaltet, sieht und ändert, was du dort ablegst. Erlaube es nur, wenn du darum gebeten hast und " +
    "diesem Dienst vertraust. Wenn du nichts tust, wird nichts erlaubt.",
  title: "Anfrage: Funktionen deines Kontos verwalten",
  instructions: (entity) => `Darf ${entity} diese Funktionen deines Kontos anstelle deines Servers verwalten?`,
  label: (feature) => `Verwalten: ${feature}`,
  labelReplacing: (feature, entity) => `Verwalten: ${feature}, anstelle von ${entity}`,
  yes: "Ja",
  no: "Nein",
  commandName: "Funktionen deines Kontos, die andere verwalten",
  commandInstructions: "Diese Dienste verwalten Funktionen deines Kontos. Wähle Nein, um eine zurückzunehmen.",
  managedBy: (feature, entity) => `${feature}: verwaltet von ${entity}`,
  nothingGranted: "Niemand außer deinem Server verwaltet Funktionen deines Kontos.",
  revoked: (count) =>
    count === 1 ? "Eine Funktion wurde zurückgenommen." : `${count} Funktionen wurden zurückgenommen.`,
  revokedForNow:
    "Vorerst zurückgenommen; der Server konnte es aber nicht festhalten. Sieh nach seinem Neustart noch einmal nach.",
  features: named({
    publishing: "persönliches Veröffentlichen: Avatar, Lesezeichen, Blog",
    publishingSettings: "Einstellungen des persönlichen Veröffentlichens",
    contacts: "deine Kontaktliste",
    profile: "dein Profil",
    newProfile: "dein Profil",
    privateStorage: "privater Speicher",
    lastActivity: "letzte Aktivität",
    archive: "dein Nachrichtenarchiv",
    blockList: "deine Sperrliste",
    push: "Push-Benachrichtigungen",
    upload: "Hochladen von Dateien",
  }),
};

const FRENCH: GrantTexts = {
  language: "fr",
  warning: (entity, features) =>
    `${entity} demande à gérer des fonctions de votre compte que votre serveur gère d’habitude :\n${list(features)}\n\n` +
    "Attention : qui les gère voit et modifie ce que vous y rangez. N’acceptez que si vous l’avez demandé et si vous " +
    "faites confiance à ce service. Si vous ne faites rien, rien n’est permis.",
  title: "Demande de gestion de fonctions de votre compte",
  instructions: (entity) =>
    `Permettez-vous à ${entity} de gérer ces fonctions de votre compte à la place de votre serveur ?`,
  label: (feature) => `Gérer ${feature}`,
  labelReplacing: (feature, entity) => `Gérer ${feature}, à la place de ${entity}`,
  yes: "Oui",
  no: "Non",
  commandName: "Fonctions de votre compte gérées par d’autres",
  commandInstructions: "Ces services gèrent des fonctions de votre compte. Choisissez Non pour en reprendre une.",
  managedBy: (feature, entity) => `${feature} : gérée par ${entity}`,
  nothingGranted: "Votre serveur seul gère les fonctions de votre compte.",
  revoked: (count) => (count === 1 ? "Une fonction a été reprise." : `${count} fonctions ont été reprises.`),
  revokedForNow:
    "Reprise pour l’instant, mais le serveur n’a pas pu l’enregistrer : vérifiez encore après son redémarrage.",
  features: named({
    publishing: "la publication personnelle : avatar, marque-pages, blog",
    publishingSettings: "les réglages de la publication personnelle",
    contacts: "votre liste de contacts",
    profile: "votre profil",
    newProfile: "votre profil",
    privateStorage: "le stockage privé",
    lastActivity: "la dernière activité",
    archive: "vos archives de messages",
    blockList: "votre liste de blocage",
    push: "les notifications push",
    upload: "l’envoi de fichiers",
  }),
};

const SPANISH: GrantTexts = {
  language: "es",
  warning: (entity, features) =>
    `${entity} pide gestionar funciones de tu cuenta que normalmente gestiona tu servidor:\n${list(features)}\n\n` +
    "Cuidado: quien las gestiona ve y cambia lo que guardas en ellas. Permítelo solo si lo has pedido y confías en este " +
    "servicio. Si no haces nada, no se permite nada.",
  title: "Petición para gestionar funciones de tu cuenta",
  instructions: (entity) => `¿Puede ${entity} gestionar estas funciones de tu cuenta en lugar de tu servidor?`,
  label: (feature) => `Gestionar ${feature}`,
  labelReplacing: (feature, entity) => `Gestionar ${feature}, en lugar de ${entity}`,
  yes: "Sí",
  no: "No",
  commandName: "Funciones de tu cuenta que gestionan otros",
  commandInstructions: "Estos servicios gestionan funciones de tu cuenta. Elige No para recuperar una.",
  managedBy: (feature, entity) => `${feature}: gestionado por ${entity}`,
  nothingGranted: "Solo tu servidor gestiona las funciones de tu cuenta.",
  revoked: (count) => (count === 1 ? "Se ha recuperado una función." : `Se han recuperado ${count} funciones.`),
  revokedForNow:
    "Recuperado por ahora, pero el servidor no ha podido anotarlo: vuelve a mirarlo cuando se haya reiniciado.",
  features: named({
    publishing: "publicación personal: avatar, marcadores, blog",
    publishingSettings: "ajustes de la publicación personal",
    contacts: "tu lista de contactos",
    profile: "tu perfil",
    newProfile: "tu perfil",
    privateStorage: "almacenamiento privado",
    lastActivity: "última actividad",
    archive: "tu archivo de mensajes",
    blockList: "tu lista de bloqueo",
    push: "notificaciones push",
    upload: "subida de archivos",
  }),
};

const TEXTS: readonly GrantTexts[] = [ENGLISH, GERMAN, FRENCH, SPANISH];
