using System;
using System.IO;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Collections.Concurrent;
using System.Text.RegularExpressions;

/// <summary>
/// Receive what the hub tells: verify, take each change once, and answer at once. .NET Framework 4.5, .NET 6 or newer.
/// </summary>
/// <remarks>
/// WEBHOOK_SECRET=whsec_... dotnet run                      listens on http://127.0.0.1:8090/
/// dotnet run -- --check signature-vectors.tsv              tests Verify against the hub's own vectors
/// </remarks>
public static class Receiver
{
    private const long Tolerance = 300; // seconds that a message may be old, or ahead
    private static readonly ConcurrentDictionary<string, bool> Taken = new ConcurrentDictionary<string, bool>(); // keep these in your database

    /// <summary>Return whether a message is genuine. The body is the bytes as they came, before any parsing.</summary>
    public static bool Verify(string secret, string id, string stamp, string shown, byte[] body, long now)
    {
        if (string.IsNullOrEmpty(id) || stamp == null || shown == null || !Regex.IsMatch(stamp, "^[0-9]{1,11}\\z")) return false;
        if (Math.Abs(now - long.Parse(stamp)) > Tolerance) return false;
        byte[] start = Encoding.UTF8.GetBytes(id + "." + stamp + ".");
        byte[] signed = new byte[start.Length + body.Length];
        Buffer.BlockCopy(start, 0, signed, 0, start.Length);
        Buffer.BlockCopy(body, 0, signed, start.Length, body.Length);
        string wanted;
        using (var mac = new HMACSHA256(Convert.FromBase64String(secret.Substring("whsec_".Length))))
        {
            wanted = "v1," + Convert.ToBase64String(mac.ComputeHash(signed));
        }
        bool fits = false;
        // Several signatures, with blanks between, while keys are exchanged; each begins with its version.
        foreach (string one in shown.Split(' ')) fits |= SameInTime(wanted, one);
        return fits;
    }

    private static bool SameInTime(string left, string right)
    {
        int different = left.Length ^ right.Length;
        for (int place = 0; place < left.Length && place < right.Length; place++) different |= left[place] ^ right[place];
        return different == 0;
    }

    private static void Receive(HttpListenerContext context)
    {
        var headers = context.Request.Headers;
        var whole = new MemoryStream();
        context.Request.InputStream.CopyTo(whole);
        string id = headers["webhook-id"];
        long now = (long)(DateTime.UtcNow - new DateTime(1970, 1, 1, 0, 0, 0, DateTimeKind.Utc)).TotalSeconds;
        bool genuine = Verify(Environment.GetEnvironmentVariable("WEBHOOK_SECRET"), id, headers["webhook-timestamp"],
            headers["webhook-signature"], whole.ToArray(), now);
        if (genuine && Taken.TryAdd(id, true)) Console.WriteLine(id + " " + Encoding.UTF8.GetString(whole.ToArray()));
        context.Response.StatusCode = genuine ? 204 : 401;
        context.Response.Close();
    }

    // Each line: valid, secret, id, timestamp, signature, now, and the body in Base64, with tabs between.
    private static int Check(string path)
    {
        int wrong = 0, count = 0;
        foreach (string line in File.ReadAllLines(path, Encoding.UTF8))
        {
            string[] one = line.Split('\t');
            bool valid = Verify(one[1], one[2], one[3], one[4], Convert.FromBase64String(one[6]), long.Parse(one[5]));
            if (valid != bool.Parse(one[0])) wrong++;
            count++;
        }
        Console.WriteLine(count + " vectors, " + wrong + " wrong");
        return wrong;
    }

    public static int Main(string[] arguments)
    {
        if (arguments.Length == 2 && arguments[0] == "--check") return Check(arguments[1]);
        var listener = new HttpListener();
        listener.Prefixes.Add("http://127.0.0.1:8090/");
        listener.Start();
        while (true) Receive(listener.GetContext());
    }
}
