// docs/ops.md from the table of ops: `node scripts/ops-page.mjs` writes it; the structure check compares it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './workspace.mjs';

export const opsPagePath = 'docs/ops.md';

/** @param read gives a file's text, or undefined where there is none */
export function opsPage(read) {
  const rows = [...read('native/ops/ops.def').matchAll(/^TUBELET_(OP|VIEW)\((\w+), (\w+)\)/gm)];
  const sections = rows.map(([, kind, stem]) => section(read, stem, kind === 'VIEW'));
  return `# Ops

Written by \`node scripts/ops-page.mjs\` from \`native/ops/ops.def\` and the head of each op's header. Shapes are row-major;
\`T\` tokens of all requests one after another, \`D\` hidden size, \`F\` frames, \`H\` \`W\` height and width, \`C\` channels.

${rows.map(([, , stem]) => `[${stem}](#${stem})`).join(' · ')}

${sections.join('\n')}`;
}

function section(read, stem, isView) {
  const header = read(`native/ops/${stem}.h`) ?? '';
  const text = header
    .slice(0, header.indexOf('#pragma once'))
    .replace(/^\/\/ ?/gm, '')
    .trim();
  // Ops that share their attributes name a struct of the header they include.
  const [, shared] = header.match(/using Attributes = (\w+);/) ?? [];
  const [, include] = header.match(/#include "(ops\/\w+\.h)"/) ?? [];
  const source = shared ? read(`native/${include}`) : header;
  const name = shared ?? 'Attributes';
  const [, struct] = source.match(new RegExp(`struct ${name} \\{([\\s\\S]*?)\\n *\\};`)) ?? [];
  const attributes = [...(struct ?? '').matchAll(/v\.field\(\s*"(\w+)"/g)].map(([, name]) => name);
  const kernels = ['cpu', 'cuda'].filter(
    (backend) => read(kernelPath(backend, stem)) !== undefined,
  );
  const facts = [
    attributes.length > 0
      ? `Attributes: ${attributes.map((name) => `\`${name}\``).join(', ')}.`
      : 'No attributes.',
    isView ? 'A view: it moves no data.' : `Kernels: ${kernels.join(', ')}.`,
  ];
  return `## ${stem}\n\n\`\`\`text\n${text}\n\`\`\`\n\n${facts.join(' ')}\n`;
}

function kernelPath(backend, stem) {
  return backend === 'cpu' ? `native/cpu/kernels/${stem}.cpp` : `cuda/kernels/${stem}.cu`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const read = (path) => {
    const file = join(root, path);
    return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  };
  writeFileSync(join(root, opsPagePath), opsPage(read));
}
