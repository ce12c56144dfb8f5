// Writes grants one after the other, and says each one that was stored: `node writer.mjs <module> <folder> <from>`.
const [module, path, from] = process.argv.slice(2);
const { GrantStore } = await import(module);
const { store } = await GrantStore.open(path);
for (let index = Number(from); ; index++) {
  const grant = {
    domain: "capulet.lit",
    account: `user${index}@capulet.lit`,
    namespace: "http://jabber.org/protocol/pubsub",
    entity: "pubsub.montague.lit",
    grantedAtMs: index,
  };
  const removed = {
    kind: "remove",
    domain: grant.domain,
    account: `user${index - 1}@capulet.lit`,
    namespace: grant.namespace,
  };
  // Every third grant takes the one before back in the same step.
  await store.save(index % 3 === 2 ? [{ kind: "put", grant }, removed] : [{ kind: "put", grant }], []);
  process.stdout.write(`${index}\n`);
}
