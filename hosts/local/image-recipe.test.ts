import test from 'ava'
import { machineSettings, reachSettings, recipeDigest, sourcesText } from './image-recipe.ts'

const dump = `Acquire "";
Acquire::AllowInsecureRepositories "0";
Acquire::http "";
Acquire::http::Proxy "http://127.0.0.1:3142";
Acquire::https::Proxy "http://proxy.example:3128";
Acquire::http::Proxy::mirror.example "DIRECT";
Acquire::http::Proxy-Auto-Detect "/usr/bin/detect";
Acquire::Languages:: "none";
Acquire::Check-Valid-Until "false";
Acquire::Check-Date "false";
`

test('of the apt settings of this computer those are taken that say how packages are reached', (t) => {
  const settings = reachSettings(dump)
  t.deepEqual(settings, [
    'Acquire::http::Proxy "http://127.0.0.1:3142";',
    'Acquire::https::Proxy "http://proxy.example:3128";',
    'Acquire::http::Proxy::mirror.example "DIRECT";',
    'Acquire::Check-Valid-Until "false";',
    'Acquire::Check-Date "false";',
  ])
  t.deepEqual(machineSettings(settings), settings.slice(1))
})

test('another mirror is another image', (t) => {
  const recipe = { packages: ['dbus'], aptSettings: [], authorities: {} }
  const digests = ['http://a.example/debian', 'http://b.example/debian'].map((mirror) =>
    recipeDigest({ ...recipe, sources: sourcesText(mirror, `${mirror}-security`) }),
  )
  t.not(digests[0], digests[1])
})
