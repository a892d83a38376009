import test from 'ava'
import { Block, render, template, templateNames } from './render.ts'

test('a placeholder becomes its value', (t) => {
  t.is(render('port = {{port}}\nname = {{name}}\n', { port: 6432, name: 'a b' }), 'port = 6432\nname = a b\n')
  t.is(render('\t{{lines}}\nend\n', { lines: new Block(['a', 'b']) }), '\ta\n\tb\nend\n')
  t.is(render('{{lines}}\nend\n', { lines: new Block([]) }), 'end\n')
})

test('no value brings a line of its own', (t) => {
  for (const value of ['a\nlisten_addr = *', 'a\r\nb', 'a\u2028b', 'a\u0085b', '\u0000', '\u001b[2J']) {
    t.throws(() => render('x = {{value}}', { value }), { message: /control character/ })
    t.throws(() => render('{{lines}}', { lines: new Block(['fine', value]) }), {
      message: /control character/,
    })
  }
  t.throws(() => render('x = {{value}}', { value: Number.NaN }), { message: /not a finite number/ })
})

test('a value with a placeholder in it stays as it is', (t) => {
  t.is(render('{{a}} {{b}}', { a: '{{b}}', b: 'x' }), '{{b}} x')
})

test('placeholders and values belong together, none is left over', (t) => {
  t.throws(() => render('{{missing}}', {}), { message: /\{\{missing\}\} has no value/ })
  t.throws(() => render('{{constructor}}', {}), { message: /has no value/ })
  t.throws(() => render('text', { unused: 1 }), { message: /no placeholder for unused/ })
  t.throws(() => render('x = {{lines}}', { lines: new Block(['a']) }), { message: /does not stand alone/ })
})

test('a template that is not whole names itself', (t) => {
  t.throws(() => template('firewall/firewall.nft'), {
    message: /^template firewall\/firewall\.nft: placeholder/,
  })
  t.true(templateNames('lib').includes('firewall-load'))
})
