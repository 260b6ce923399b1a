# Runs several cases of Ruby's packaged official interop client in one process.
#   ruby_client.rb CLIENT_RB --server_host=... --server_port=... --test_case=a,b ...
# Prints "PASS case" or "FAIL case: why".
client = ARGV.shift
names = ARGV.find { |word| word.start_with?('--test_case=') }.split('=', 2)[1].split(',')
rest = ARGV.reject { |word| word.start_with?('--test_case=') }
# The program ends with "main if __FILE__ == $0", which is false here.
load client
failed = false
names.each do |name|
  begin
    ARGV.replace(rest + ["--test_case=#{name}"])
    opts = parse_args
    NamedTests.new(create_stub(opts), opts).method(name).call
    puts "PASS #{name}"
  rescue StandardError, NotImplementedError => error
    puts "FAIL #{name}: #{error.class} #{error.message.to_s.gsub(/\s+/, ' ')}"
    failed = true
  end
  $stdout.flush
end
exit(failed ? 1 : 0)
