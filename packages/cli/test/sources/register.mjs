// node -C @tubelet/source --import …/register.mjs main.ts: runs the packages from their sources, as vitest does.
import { register } from 'node:module';

register('./hooks.mjs', import.meta.url);
