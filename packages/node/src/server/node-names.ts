/**
 * What a node is called by those who call it: the names of its configuration and the address at which a connection
 * reached it. Never what the caller says (`Host`): a node that passes on what was signed for it would say the right thing.
 */

/** `host:port` of the end of a connection that is ours; on the loopback `localhost` too. */
export function namesAt(address: string | undefined, port: number | undefined): string[] {
  if (address === undefined || port === undefined) return [];
  // A socket for both kinds of addresses shows IPv4 ones like this.
  const plain = address.replace(/^::ffff:(?=\d+\.)/, "");
  const host = plain.includes(":") ? `[${plain}]` : plain;
  const isLoopback = plain === "::1" || plain.startsWith("127.");
  return isLoopback ? [`${host}:${port}`, `localhost:${port}`] : [`${host}:${port}`];
}

/** Whether one of `names`, each `host` or `host:port`, is the node that `audience` (`host:port`) names. */
export function isCalled(audience: string, names: readonly string[]): boolean {
  const host = audience.slice(0, audience.lastIndexOf(":"));
  return names.some((name) => name === audience || (host !== "" && name === host));
}
