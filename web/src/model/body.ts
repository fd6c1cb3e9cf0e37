/** Bodies longer than this are shown as they are: setting out megabytes of JSON would freeze the page. */
const prettyMax = 200_000;

/** A JSON body set out over lines; any other as it is. */
export function prettyBody(body: string): string {
  const text = body.trim();
  if (text.length > prettyMax || !/^[[{]/.test(text)) return body;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return body;
  }
}
