// Asks a published library's own validator whether requests are signed rightly.
//
// Usage: validate.js twilio|signalwire MODULES < {key, requests: [{url, params, signature}]} > [true, ...]

const path = require("path");

const [library, modules] = process.argv.slice(2);
const load = (name) => require(path.join(modules, name));
const validate =
  library === "twilio"
    ? load("twilio").validateRequest
    : load("@signalwire/compatibility-api").RestClient.validateRequest;

let text = "";
process.stdin.on("data", (part) => (text += part));
process.stdin.on("end", () => {
  const { key, requests } = JSON.parse(text);
  const valid = requests.map((r) => Boolean(validate(key, r.signature, r.url, r.params)));
  process.stdout.write(JSON.stringify(valid));
});
