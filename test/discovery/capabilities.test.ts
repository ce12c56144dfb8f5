import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  capabilitiesHash,
  capabilitiesVer,
  hashInput,
  hashNames,
  readDiscoInfo,
  verificationString,
} from "../../src/discovery/index.js";
import { feature, features, form, info, query } from "./answers.js";

const field = (name: string, ...values: readonly string[]) =>
  `<field var='${name}'>${values.map((value) => `<value>${value}</value>`).join("")}</field>`;
const words = (text: string) => text.split(" ");
const client = (name: string, lang = "") => `<identity category='client' type='pc' name='${name}' ${lang}/>`;

describe("the ver of XEP-0115", () => {
  const disco = features(
    "http://jabber.org/protocol/muc",
    "http://jabber.org/protocol/disco#items",
    "http://jabber.org/protocol/caps",
    "http://jabber.org/protocol/disco#info",
  );
  const software = form(
    "urn:xmpp:dataforms:softwareinfo",
    field("software_version", "0.11") +
      field("ip_version", "ipv6", "ipv4") +
      field("os", "Mac") +
      field("os_version", "10.5.1") +
      field("software", "Psi"),
  );

  test("is that of the simple example (XEP-0115 §5.2)", () => {
    expect(capabilitiesVer(info(client("Exodus 0.9.1") + disco), "sha-1")).toBe("QgayPKawpkPSDYmwT/WM94uAlu0=");
  });

  test("is that of the complex example, with languages and a form (XEP-0115 §5.3)", () => {
    const psi = info(client("Psi 0.11", "xml:lang='en'") + client("Ψ 0.11", "xml:lang='el'") + disco + software);
    expect(verificationString(psi)).toBe(
      "client/pc/el/Ψ 0.11<client/pc/en/Psi 0.11<http://jabber.org/protocol/caps<http://jabber.org/protocol/disco#info<" +
        "http://jabber.org/protocol/disco#items<http://jabber.org/protocol/muc<urn:xmpp:dataforms:softwareinfo<" +
        "ip_version<ipv4<ipv6<os<Mac<os_version<10.5.1<software<Psi<software_version<0.11<",
    );
    expect(capabilitiesVer(psi, "sha-1")).toBe("q07IKJEyjvHSyhy//CH0CxmKi8w=");
  });

  test("sorts by octets, which is not the order of UTF-16 (XEP-0115 §5.1, RFC 4790 §9.3)", () => {
    // U+FF5E comes before U+1F339, whose first UTF-16 unit is U+D83C.
    expect(verificationString(info(features("\u{1f339}", "～", "a", "B")))).toBe("B<a<～<\u{1f339}<");
  });

  test("sorts identities by category, then type, then language, each as a whole (XEP-0115 §5.1)", () => {
    const identity = (category: string, type: string) => `<identity category='${category}' type='${type}'/>`;
    const read = info(identity("client-x", "a") + identity("client", "pc-x") + identity("client", "pc"));
    expect(verificationString(read)).toBe("client/pc//<client/pc-x//<client-x/a//<");
  });

  test("sorts forms by FORM_TYPE, fields by var, values by text (XEP-0115 §5.1)", () => {
    const read = info(form("urn:b", field("b", "2", "10") + field("a") + field("a-b")) + form("urn:a"));
    expect(verificationString(read)).toBe("urn:a<urn:b<a<a-b<b<10<2<");
  });

  test("passes over forms whose FORM_TYPE is missing or not hidden, and fields without var (XEP-0115 §5.4)", () => {
    const untyped = "<x xmlns='jabber:x:data' type='result'><field var='a'><value>1</value></field></x>";
    const fixed = "<field type='fixed'><value>Software</value></field>";
    const read = info(`${feature("a")}${untyped}${form("urn:x", "", "text-single")}${form("urn:y", fixed)}`);
    expect(verificationString(read)).toBe("a<urn:y<");
  });

  test("treats an escaped &lt; as the four characters where it was escaped twice (XEP-0115 §5.1)", () => {
    expect(verificationString(info(client("Some&amp;lt;Client")))).toBe("client/pc//Some&lt;Client<");
  });

  test("does not exist of an answer that is ill-formed (XEP-0115 §5.4)", () => {
    const contradictory = form("urn:x", "<field var='FORM_TYPE' type='hidden'><value>urn:y</value></field>");
    for (const content of [
      features("a", "a"),
      client("a") + client("a"),
      form("urn:x") + form("urn:x", field("a", "1")),
      contradictory,
      "<feature/>",
    ]) {
      expect(capabilitiesVer(info(content), "sha-1")).toBeUndefined();
    }
    expect(capabilitiesVer(info(client("a") + client("b")), "sha-1")).toBeDefined();
  });

  test("does not exist of an answer that was not read to the end", () => {
    const limits = { maxIdentities: 1, maxFeatures: 1, maxForms: 1, maxOthers: 1, maxCharacters: 1000 };
    expect(capabilitiesVer(readDiscoInfo(query(features("a")), { limits }), "sha-1")).toBeDefined();
    expect(capabilitiesVer(readDiscoInfo(query(features("a", "b")), { limits }), "sha-1")).toBeUndefined();
  });

  test("is made with each hash function that has a name, and with no other", () => {
    const read = info(feature("a"));
    expect(capabilitiesVer(read, "sha-512")).toBe(createHash("sha512").update("a<").digest("base64"));
    for (const name of ["sha-1", "sha-256", "sha-384", "sha3-256", "sha3-512", "blake2b-512"]) {
      expect(hashNames).toContain(name);
      expect(capabilitiesVer(read, name)).toMatch(/^[A-Za-z0-9+/]+=*$/);
    }
    for (const name of ["", "sha1", "SHA-1", "crc32", "__proto__", "shake128"]) {
      expect(capabilitiesVer(read, name)).toBeUndefined();
    }
  });
});

describe("the hash of XEP-0390", () => {
  const jabber = "http://jabber.org/protocol";

  test("is that of the simple example (XEP-0390 §4.5.1)", () => {
    const bombus = info(
      "<identity category='client' name='BombusMod' type='mobile'/>" +
        features(
          ...words("si bytestreams chatstates disco#info disco#items rosterx ibb si/profile/file-transfer").map(
            (name) => `${jabber}/${name}`,
          ),
          ...words("urn:xmpp:ping jabber:iq:time jabber:iq:privacy jabber:iq:version urn:xmpp:time jabber:x:oob"),
          ...words("urn:xmpp:receipts jabber:iq:roster jabber:iq:last"),
        ),
    );
    expect(capabilitiesHash(bombus, "sha-256")).toBe("kzBZbkqJ3ADrj7v08reD1qcWUwNGHaidNUgD7nHpiw8=");
    expect(capabilitiesHash(bombus, "sha3-256")).toBe("79mdYAfU9rEdTOcWDO7UEAt6E56SUzk/g6TnqUeuD9Q=");
  });

  test("is that of the complex example, with languages and a form (XEP-0390 §4.5.2)", () => {
    const tkabber = info(
      client("Tkabber", "xml:lang='en'") +
        client("Ткаббер", "xml:lang='ru'") +
        features(
          "games:board",
          ...words(
            "activity activity+notify bytestreams chatstates commands disco#info disco#items evil feature-neg geoloc " +
              "geoloc+notify ibb iqibb mood mood+notify rosterx si si/profile/file-transfer tune",
          ).map((name) => `${jabber}/${name}`),
          "http://www.facebook.com/xmpp/messages",
          "http://www.xmpp.org/extensions/xep-0084.html#ns-metadata+notify",
          ...words("avatar browse dtcp filexfer ibb inband jidlink last oob privacy roster time version").map(
            (name) => `jabber:iq:${name}`,
          ),
          ...words("jabber:x:data jabber:x:event jabber:x:oob urn:xmpp:avatar:metadata+notify"),
          ...words("urn:xmpp:ping urn:xmpp:receipts urn:xmpp:time"),
        ) +
        form(
          "urn:xmpp:dataforms:softwareinfo",
          field("software", "Tkabber") +
            field("software_version", "0.11.1-svn-20111216-mod (Tcl/Tk 8.6b2)") +
            field("os", "Windows") +
            field("os_version", "XP"),
        ),
    );
    expect(hashInput(tkabber)).toHaveLength(0x543);
    expect(capabilitiesHash(tkabber, "sha-256")).toBe("u79ZroNJbdSWhdSp311mddz44oHHPsEBntQ5b1jqBSY=");
    expect(capabilitiesHash(tkabber, "sha3-256")).toBe("XpUJzLAc93258sMECZ3FJpebkzuyNXDzRNwQog8eycg=");
  });

  test("sorts by octets, which is not the order of UTF-16 (XEP-0390 §4.1)", () => {
    expect(hashInput(info(features("\u{1f339}", "～", "a")))?.toString()).toBe(
      "a\u001f～\u001f\u{1f339}\u001f\u001c\u001c\u001c",
    );
  });

  test("takes a language that is inherited (XEP-0390 §4.1)", () => {
    const inherited = readDiscoInfo(query(client("a"), "xml:lang='en'"));
    expect(capabilitiesHash(inherited, "sha-256")).toBe(
      capabilitiesHash(info(client("a", "xml:lang='en'")), "sha-256"),
    );
    expect(capabilitiesHash(inherited, "sha-256", "explicit")).toBe(capabilitiesHash(info(client("a")), "sha-256"));
  });

  test("does not exist of an answer with unknown elements, tables, or forms without FORM_TYPE (XEP-0390 §4.1)", () => {
    for (const content of [
      "<set xmlns='urn:rsm'/>",
      form("urn:x", "<reported/>"),
      form("urn:x", "<item/>"),
      form("urn:x", "", "text-single"),
      "<x xmlns='jabber:x:data' type='result'/>",
      features("a", "a"),
    ]) {
      expect(capabilitiesHash(info(content), "sha-256")).toBeUndefined();
    }
    expect(capabilitiesHash(info(""), "sha-256")).toBeDefined();
    expect(capabilitiesHash(info(""), "sha-0")).toBeUndefined();
  });
});
