const { join } = require('node:path');
const { imports } = require('./package.json');

/** Where `#lib/…` lies in the sources: package.json maps it to what is built from them. */
const alias = Object.fromEntries(
  Object.keys(imports).map((name) => {
    const lib = name.slice(1, -2);
    return [`#${lib}`, join(__dirname, 'libs', lib, 'src')];
  }),
);

module.exports = {
  resolve: { alias, importsFields: [], extensionAlias: { '.js': ['.ts', '.js'], '.mjs': ['.mjs', '.mts'] } },
};
