export async function benchPeers(): Promise<unknown> {
  return {};
}
