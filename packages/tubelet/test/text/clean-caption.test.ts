import { expect, it } from 'vitest';
import { cleanCaption } from '../../src/text/index.js';

/** What `_clean_caption` of diffusers gives, run twice; the text of markup by Python's own parser. */
const cleaned: readonly (readonly [text: string, cleaned: string])[] = [
  ['', ''],
  ['A Cat  sitting on a <b>Mat</b>', 'a cat sitting on a mat'],
  ['see https://example.com/a?b=1 and www.foo.org/x now', 'see ?b=1 and now'],
  ['<person> waves at @user_1, hi', 'person waves at , hi'],
  ['一只猫 a cat', 'a cat'],
  ['wide — dash – and - hyphen', 'wide - dash - and - hyphen'],
  ['“quoted” ‘text’ «x»', 'quoted" \'text\' "x'],
  ['ip 10.0.0.255 here', 'ip here'],
  ['story 1:23 ', 'story 1:23'],
  ['line\\nbreak', 'line break'],
  ['#12 #123456 1234567 12345', '12345'],
  ['my photo image.png and c:/a/b.jpg done', 'my photo and done'],
  ['wait... what?! """SALE"""', 'wait what?! "sale"'],
  ['***free shipping*** worldwide free shipping today', 'today'],
  ['this-is-my-cute-cat_picture', 'this is my cute cat picture'],
  ['a-b c', 'a-b c'],
  ['jc6640 jc6640vc 6640vc231 ab12', 'ab12'],
  ['free download free now', 'now'],
  ['click for more fun, click on me', 'fun'],
  ['png images of a cat', 'of a cat'],
  ['page 12 of 30', 'of 30'],
  ['j2d1a2a x', 'x'],
  ['12x34 1.5×2.5 10х20', ''],
  ['red : blue', 'red: blue'],
  ['a,b.c/d 1,2', 'a, b. c d 1,2'],
  ['"whole quoted"', 'whole quoted'],
  ['_lead and trail-', 'lead and trail'],
  ['.hidden', ''],
  ['50%25 off + more%20words caf%C3%A9', '50% off more words café'],
  ['A &amp; B &lt;i&gt; &quot;q&quot; &copy 2020', 'a b "q" 2020'],
  ['<!-- c --> <script>alert(1)</script>text<style>x</style> <br/> a<b', 'text a<b'],
  ['Ünïcode ÉCOLE naïve ßtraße ΣΑΣ', 'ünïcode école naïve ßtraße σας'],
  ['half 5 < 6 > 4', 'half 5 < 6 > 4'],
  ['x \u00a0 y \u3000 z', 'x y z'],
  ["'single'", 'single'],
  ["a man's dog; the dogs' park", "a man's dog; the dogs' park"],
  ['visit example.com.', 'visit .'],
  ['mail me@site.com now', 'mail me now'],
  ['1girl, solo, 8k, 4K uhd, f/1.8', '1girl, solo, 8k, 4k uhd, f 1.8'],
  [
    'A portrait photo, 35mm, f2.8, iso100, by greg rutkowski',
    'a portrait photo, 35mm, f2.8, , by greg rutkowski',
  ],
];

it.for(cleaned)('cleans %j', ([text, expected]) => {
  expect(cleanCaption(text)).toBe(expected);
});
