import test from 'ava'
import { Block, template } from '../../provisioner/render.ts'
import { hostKeyOf } from './user-data.ts'

const KEY = ['-----BEGIN OPENSSH PRIVATE KEY-----', 'b3BlbnNzaA==', '-----END OPENSSH PRIVATE KEY-----']
const ours = template('cloud/user-data.yaml', {
  hostPrivateKey: new Block(KEY),
  hostPublicKey: 'ssh-ed25519 AAAA db-1',
})

test('the host key is read out of what our stack sends', (t) => {
  t.deepEqual(hostKeyOf(ours), { privateKey: KEY.join('\n'), publicKey: 'ssh-ed25519 AAAA db-1' })
})

test('user data that asks for anything else is refused', (t) => {
  const others = [
    '',
    '#!/bin/sh\nreboot\n',
    `${ours}packages: [htop]\n`,
    ours.replace('disable_root: false', 'disable_root: true'),
    ours.replace('ssh_keys:', 'keys:'),
    ours.replace('  ed25519_public', '  rsa_public'),
    ours.replace(`    ${KEY[1]}`, `  ${KEY[1]}`),
  ]
  for (const other of others) t.throws(() => hostKeyOf(other), { message: /of other form/ })
})
