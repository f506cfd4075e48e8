/** The form of the ids that people choose: of projects, keys and webhook endpoints, in the configuration file and over the API. */
export const ID_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
export const ID_RULE = '$property must be 1 to 64 letters, digits and . _ -, starting with a letter or digit';
