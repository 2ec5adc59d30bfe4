// What the server of the test is configured with: one environment with a certificate that is due, one without.

export const TOKEN = "the admin token of this test";

export const configuration = (backend) => ({ port, admin, token = false, broken = false, name = "preprod" }) => `
[server]
listen = ["127.0.0.1:${port}"]
[admin]
listen = "127.0.0.1:${admin}"
${token ? `token = "${TOKEN}"` : ""}
[log]
level = "warn"
[inbox]
url = "sqlite:inbox.db"
[environments.${name}]
product = ["tsh", "cof"]
customer_id = "SAMPLE0001"
host = "tsh-pp.bank.test"
client_ca = "tls/${broken ? "caller" : "client-ca"}.pem"
crl = ["tls/client-ca.crl"]
certificate_chain = "tls/preprod-chain.pem"
private_key = "tls/preprod.key"
[environments.${name}.backend]
url = "${backend}"
[environments.${name}.api_keys.spring]
key = "the api key of this test, from the spring"
expires = "${new Date(Date.now() + 12 * 86_400_000).toISOString().slice(0, 19)}Z"
[environments.production]
product = "d1"
customer_id = "SAMPLE0001"
host = "d1.bank.test"
client_ca = "tls/client-ca.pem"
certificate_chain = "tls/production-chain.pem"
private_key = "tls/production.key"
[environments.production.backend]
url = "${backend}"
`;
