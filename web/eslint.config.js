import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["vendor/"] },
  js.configs.recommended,
  { files: ["src/**/*.js"], languageOptions: { globals: { ...globals.browser, ...globals.worker } } },
  { files: ["test/**/*.js"], languageOptions: { globals: globals.node } },
  { rules: { "no-unused-vars": ["error", { argsIgnorePattern: "^_" }], eqeqeq: "error" } },
];
