/** What a pattern alone can't tell: whether a match is what it looks like. Pure; `before` is the text in front of the match. */
export type Check = (match: string, before: string) => boolean;

export const checkNames = [
  'card',
  'identity',
  'identity_15',
  'email',
  'secret_value',
  'token_value',
  'long_token',
  'basic',
] as const;
export type CheckName = (typeof checkNames)[number];

/** Issuer prefixes as [from, to, lengths]; compared with the leading digits of the number. */
const issuers: readonly (readonly [from: string, to: string, lengths: readonly number[]])[] = [
  ['4', '4', [13, 16, 19]], // Visa
  ['51', '55', [16]], // Mastercard
  ['2221', '2720', [16]], // Mastercard since 2017
  ['34', '34', [15]], // American Express
  ['37', '37', [15]],
  ['62', '62', [16, 17, 18, 19]], // UnionPay
  ['81', '81', [16]],
  ['6011', '6011', [16, 19]], // Discover
  ['644', '649', [16, 19]],
  ['65', '65', [16, 19]],
  ['3528', '3589', [16]], // JCB
  ['300', '305', [14]], // Diners Club
  ['36', '36', [14]],
  ['38', '39', [14]],
  ['2200', '2204', [16]], // Mir
];

const knownIssuer = (digits: string): boolean =>
  issuers.some(([from, to, lengths]) => {
    const head = digits.slice(0, from.length);
    return head >= from && head <= to && lengths.includes(digits.length);
  });

/** The check digit of ISO/IEC 7812. */
function luhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 48;
    const doubled = digit * 2;
    sum += i % 2 === 0 ? digit : doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** First two digits of the administrative divisions of GB/T 2260. */
const provinces = new Set(
  (
    '11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 ' +
    '61 62 63 64 65 71 81 82 83'
  ).split(' '),
);
const monthDays = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function isDate(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1 || day > (monthDays[month - 1] ?? 0)) return false;
  return month !== 2 || day < 29 || (year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0));
}

const weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];

/** GB 11643: region, date of birth, order, and the check character of ISO 7064 MOD 11-2. */
function identity(text: string): boolean {
  if (!provinces.has(text.slice(0, 2)) || !/^(?:18|19|20)/.test(text.slice(6))) return false;
  if (!isDate(Number(text.slice(6, 10)), Number(text.slice(10, 12)), Number(text.slice(12, 14))))
    return false;
  const sum = weights.reduce((total, weight, i) => total + weight * (text.charCodeAt(i) - 48), 0);
  return '10X98765432'[sum % 11] === text.slice(17).toUpperCase();
}

const identity15 = (text: string): boolean =>
  provinces.has(text.slice(0, 2)) &&
  isDate(1900 + Number(text.slice(6, 8)), Number(text.slice(8, 10)), Number(text.slice(10, 12)));

/** What systemd appends to the name of an instance: `getty@tty1.service` is no address. */
const unitTypes = /\.(?:service|socket|slice|scope|timer|target|mount|automount|swap|path|device)$/i;
/** Ids of mails have the form of an address; they are what joins the lines of a mail server. */
const mailId = /(?:message-?id|msg-?id|resent-message-id|[\s,;]id)\s?[=:]\s?\\?["']?<?$/i;

const email: Check = (match, before) => !unitTypes.test(match) && !mailId.test(before.slice(-32));

/** Placeholders and switches that stand where a secret would stand. */
const noSecret =
  /^(?:null|nil|none|undefined|true|false|yes|no|on|off|empty|set|unset|redacted|hidden|masked|required|missing|invalid|expired|\*+|x{3,}|\.{2,}|-+|\?+|[<[$%{(].*|\d)$/i;
const secretValue: Check = (match) => !noSecret.test(match);
/** Tokens are also counted (`token=4096`) and numbered. */
const tokenValue: Check = (match) => secretValue(match, '') && !/^\d{1,9}$/.test(match);
/** Without quotes and after a colon, words of prose follow; a token is long and has digits. */
const longToken: Check = (match) => match.length >= 12 && /\d/.test(match) && tokenValue(match, '');
const basic: Check = (match) => Buffer.from(match, 'base64').toString('latin1').includes(':');

const card: Check = (match) => {
  const digits = match.replace(/[ -]/g, '');
  return knownIssuer(digits) && luhn(digits);
};

export const checks: Record<CheckName, Check> = {
  card,
  identity,
  identity_15: identity15,
  email,
  secret_value: secretValue,
  token_value: tokenValue,
  long_token: longToken,
  basic,
};
