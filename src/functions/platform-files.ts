export const CONFIG_FILE = 'fn.config.json';
export const ENV_FILE = 'fn.env.json';
