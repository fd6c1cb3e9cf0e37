/** Names of RFC 5424, section 6.2.1, in the short forms of syslog.h; the place in the list is the number on the wire. */
export const facilities = (
  'kern user mail daemon auth syslog lpr news uucp cron authpriv ftp ntp audit alert clock ' +
  'local0 local1 local2 local3 local4 local5 local6 local7'
).split(' ');

/** The table of severities maps these words to the numbers that the OpenTelemetry log model gives them: 21 19 18 17 13 10 9 5. */
export const severities = 'emerg alert crit err warning notice info debug'.split(' ');

export interface Priority {
  facility: string;
  severity: string;
}

/** `<PRI>` as facility and severity; undefined for a number that is none. */
export function priorityOf(digits: string): Priority | undefined {
  const value = Number(digits);
  const facility = facilities[value >> 3];
  const severity = severities[value & 7];
  return facility === undefined || severity === undefined ? undefined : { facility, severity };
}
