/** Version of the package, written into every model; a test holds it equal to package.json. */
export const ganxVersion = '0.1.0';
