// node-postgres: the token comes with the write, as a parameter that the server reports.
//
//     node token_node_postgres.js URL OTHER_URL

const assert = require("node:assert");
const { Client } = require("pg");

async function main() {
    const [, , url, otherUrl] = process.argv;
    const one = new Client({ connectionString: `${url}?options=-c%20afterwrite.report_token%3Don` });
    let told;
    one.connection.on("parameterStatus", (message) => {
        if (message.parameterName === "afterwrite.token") told = message.parameterValue;
    });
    await one.connect();
    const two = new Client({ connectionString: otherUrl });
    await two.connect();
    assert.strictEqual(told, "");
    for (let n = 0; n < 20; n++) {
        const before = told;
        await one.query("INSERT INTO carried VALUES ($1)", [n]);
        assert.ok(told && told !== before, `${n}: ${told}`);
        await two.query(`SET afterwrite.token = '${told}'`);
        const { rows } = await two.query("SELECT count(*)::int AS c FROM carried WHERE n = $1", [n]);
        assert.strictEqual(rows[0].c, 1);
    }
    await one.end();
    await two.end();
    console.log("all done");
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
