import { Fragment } from 'react';

/** A template with its variables told apart. */
export function Template({ text }: { text: string }) {
  return (
    <span className="mono pattern-template">
      {text.split('<*>').map((part, i) => (
        // The parts have no identity but their place.
        <Fragment key={i}>
          {i > 0 && <i className="pattern-variable">{'<*>'}</i>}
          {part}
        </Fragment>
      ))}
    </span>
  );
}

/** The name where a person gave one, and the template. */
export function PatternTitle({ name, template }: { name: string; template: string }) {
  return (
    <>
      {name !== '' && <strong className="pattern-name">{name}</strong>} <Template text={template} />
    </>
  );
}
