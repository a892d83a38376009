import { execFileSync } from 'node:child_process'
import test from 'ava'
import { locked, script, sh } from './shell.ts'

const shell = (text: string): string => execFileSync('bash', ['-c', text], { encoding: 'utf8' })

const HOSTILE = ["a'b", '$(id)', '`id`', '; id', '-n', '*', '"', '\\', '', 'ä €', '~', '!x', '{a,b}', '#']

test('whatever is interpolated arrives as one argument, an array as several', (t) => {
  for (const value of HOSTILE) t.is(shell(sh`printf '[%s]' ${value}`.text), `[${value}]`, value)
  t.is(shell(sh`printf '[%s]' ${HOSTILE}`.text), HOSTILE.map((value) => `[${value}]`).join(''))
  t.is(shell(sh`printf '[%s]' ${7}`.text), '[7]')
  t.is(sh`${'/usr/bin'}/tool ${['a', 'b c']}`.text, "/usr/bin/tool a 'b c'")
})

test('a control character in an argument is refused', (t) => {
  for (const value of ['a\nb', 'a\0b', '\u001b[2J', '\u007f', '\r']) {
    t.throws(() => sh`echo ${value}`, { message: /control character/ })
    t.throws(() => script('x', 'echo', value), { message: /control character/ })
  }
})

test('a script ends at its first failing command and takes its arguments whole', (t) => {
  t.is(
    shell(script('x', 'printf "[%s]" "$@"', ...HOSTILE).text),
    HOSTILE.map((value) => `[${value}]`).join(''),
  )
  t.throws(() => shell(script('x', 'false | true\necho went on').text), { message: /Command failed/ })
})

test('the lock is taken before the command, which has an end', (t) => {
  const { text } = locked(sh`echo ${"it's"}`)
  t.regex(text, /^flock .*--wait 10 .*\/run\/lock\/dbhost\.lock timeout .* 10 bash -c '/)
  t.is(shell(text.replace(/^flock .*?\.lock /, '')), "it's\n")
})

test('a title is short and on one line', (t) => {
  t.is(sh`echo ${'x'.repeat(500)}`.title.length, 100)
  t.is(script('read the state', 'a\nb').title, 'read the state')
})
