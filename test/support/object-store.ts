import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, relative } from 'node:path';

/**
 * As much of S3's interface as a reader needs, over the files of a directory: ListObjectsV2, HEAD and GET with ranges, path
 * style, one bucket. Requests without the key are refused.
 */
export async function startObjectStore(root: string, accessKeyId: string) {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    answer(root, accessKeyId, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/bucket`,
    requests,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

function answer(root: string, key: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://x');
  if (!(request.headers.authorization ?? '').includes(`Credential=${key}/`)) {
    response.writeHead(403, { 'content-type': 'application/xml' });
    response.end('<Error><Code>AccessDenied</Code><Message>no</Message></Error>');
    return;
  }
  const path = decodeURIComponent(url.pathname).replace(/^\/bucket\/?/, '');
  if (path === '') list(root, url.searchParams.get('prefix') ?? '', response);
  else object(join(root, path), request, response);
}

function list(root: string, prefix: string, response: ServerResponse): void {
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((name) => name.startsWith(prefix))
    .sort();
  const contents = files
    .map(
      (name) =>
        `<Contents><Key>${name}</Key><LastModified>2026-11-20T12:00:00.000Z</LastModified><ETag>"x"</ETag><Size>${statSync(join(root, name)).size}</Size><StorageClass>STANDARD</StorageClass></Contents>`,
    )
    .join('');
  response.writeHead(200, { 'content-type': 'application/xml' });
  response.end(
    `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name><Prefix>${prefix}</Prefix><KeyCount>${files.length}</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>${contents}</ListBucketResult>`,
  );
}

function object(file: string, request: IncomingMessage, response: ServerResponse): void {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch {
    response.writeHead(404, { 'content-type': 'application/xml' });
    response.end('<Error><Code>NoSuchKey</Code><Message>no</Message></Error>');
    return;
  }
  const headers = {
    'content-type': 'application/octet-stream',
    etag: '"x"',
    'last-modified': 'Fri, 20 Nov 2026 12:00:00 GMT',
  };
  const range = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '');
  const from = Number(range?.[1] ?? 0);
  const to = range?.[2] ? Number(range[2]) : bytes.length - 1;
  const part = bytes.subarray(from, to + 1);
  const length = { 'content-length': String(part.length), 'accept-ranges': 'bytes' };
  if (range)
    response.writeHead(206, {
      ...headers,
      ...length,
      'content-range': `bytes ${from}-${to}/${bytes.length}`,
    });
  else response.writeHead(200, { ...headers, ...length });
  response.end(request.method === 'HEAD' ? undefined : part);
}
