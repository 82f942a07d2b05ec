import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createClient } from 'redis';
import { REDIS_ACCESS } from '../../jobs/trading/backend/redis-access.ts';
import { freePort, startRedis, type RedisServer } from './redis-process.ts';

/** One server that is a cluster by itself and has a user with a password, as a serverless cache on AWS seems to be. */
export interface RedisCluster {
  readonly server: RedisServer;
  readonly user: string;
  readonly password: string;
  readonly tlsPort: number;
  /** The certificate that signs itself; for NODE_EXTRA_CA_CERTS. */
  readonly certificate: string;
}

const USER = 'signals-trading';
const PASSWORD = 'made-up-for-this-test';

export async function startRedisCluster(folder: string): Promise<RedisCluster> {
  const [certificate, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const about = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  execFileSync('openssl', [...made, ...about, '-keyout', key, '-out', certificate], { stdio: 'pipe' });
  const data = join(folder, 'data');
  mkdirSync(data);
  const tlsPort = await freePort();
  const tls = ['--tls-port', String(tlsPort), '--tls-cert-file', certificate, '--tls-key-file', key];
  const users = [
    ...['--user', 'default', 'off', '--user', 'admin', 'on', `>${PASSWORD}`, '~*', '+@all'],
    ...['--user', USER, ...REDIS_ACCESS.split(' '), `>${PASSWORD}`],
  ];
  const server = await startRedis(
    data,
    'none',
    ...['--cluster-enabled', 'yes', ...tls, '--tls-auth-clients', 'no', ...users],
  );
  const admin = await createClient({ url: server.url, username: 'admin', password: PASSWORD }).connect();
  await admin.sendCommand(['CLUSTER', 'ADDSLOTSRANGE', '0', '16383']);
  // A server that has just started waits before it takes writes.
  while (!(await admin.clusterInfo()).includes('cluster_state:ok')) await admin.ping();
  await admin.close();
  return { server, user: USER, password: PASSWORD, tlsPort, certificate };
}
